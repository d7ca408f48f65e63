/** The most that fits into one UDP datagram over IPv4: 65,535 less the headers of IP (20) and UDP (8). RFC 768, RFC 791 3.1. */
export const maxDatagramBytes = 65_507
