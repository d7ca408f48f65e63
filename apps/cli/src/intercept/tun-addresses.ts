/** Of a TUN link of ours, as the original has it: they are given to no name. The second one is in the range of names. */
export const tunAddresses = { v4: '169.254.1.1', v6: 'fd7a:6974:6900::1' } as const
