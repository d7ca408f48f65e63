import { isCodedError } from '@tunnel/flow'

/** The code of the error with which `attempt` rejects; `none` when it does not. */
export async function codeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt
    return 'none'
  } catch (error) {
    return isCodedError(error) ? error.code : String(error)
  }
}
