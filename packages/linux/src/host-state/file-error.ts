import { CodedError, isCodedError } from '@tunnel/flow'
import { errnoOf } from '../journal/storage.ts'

/** One line for people about a file that could not be changed. */
export function fileError(path: string, error: unknown): CodedError {
  if (isCodedError(error)) return error
  const errno = errnoOf(error)
  const because = (code: string, text: string): CodedError =>
    new CodedError(code, `cannot change ${path}: ${text}`, { detail: { path, errno }, cause: error })
  if (errno === undefined) return because('linux.call-failed', error instanceof Error ? error.message : String(error))
  if (errno === 'EROFS') return because('linux.read-only', 'its file system is mounted read-only; mount it writable, or change it by hand')
  if (errno === 'EACCES') return because('linux.permission', 'permission denied; run as root')
  if (errno === 'EPERM') return because('linux.permission', 'the kernel does not allow it; run as root, and see whether it is immutable (lsattr)')
  if (errno === 'ENOENT') return because('linux.missing', 'its directory does not exist')
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return because('linux.call-failed', 'the disk is full')
  return because('linux.call-failed', errno)
}
