import type { ProgramLog } from './create-log.ts'

/** Where all that goes well is nobody's news: what is only thought of, or stands in the shadow of another program. */
export function complaints(log: ProgramLog): ProgramLog {
  return (severity, ...rest) => {
    if (severity !== 'info' && severity !== 'debug') log(severity, ...rest)
  }
}
