/**
 * Whether a StateClosed without a FIN before it is the orderly end of a peer that has no half-close: Go hosts say
 * 'close called', the C SDK says nothing (protocol sections 11.3 and 11.6). Any other text is an error. A peer that does know
 * half-close (`Connection.peerHalfCloses`) never ends so.
 */
export const isOrderlyClose = (reason: string): boolean => reason === '' || reason === 'close called'
