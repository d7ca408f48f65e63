import { isCodedError } from '@tunnel/flow'

/** Work on a host state that may have been restored meanwhile: then there is nothing left to undo, and it is no failure. */
export async function unlessRestored(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!isCodedError(error, 'journal.ended')) throw error
  }
}
