const setting = '/proc/sys/net/ipv4/tcp_congestion_control'

/**
 * Lines of a shell that let the kernel of a network namespace send without pacing, as by CUBIC, which most hosts use: with BBR as the host's default, its pacing
 * would be measured. A namespace may choose only what the host allows to all (`net.ipv4.tcp_allowed_congestion_control`); Reno always is, unless forbidden.
 */
export const chooseCongestionControl = `{ echo cubic > ${setting} || echo reno > ${setting} || true; } 2>/dev/null`

/** Says so where it is not CUBIC. */
export const tellCongestionControl = `
  chosen=$(cat ${setting})
  [ "$chosen" = cubic ] || echo "kernels send by $chosen: this host does not let a network namespace choose cubic (net.ipv4.tcp_allowed_congestion_control)"`
