/** What an error code means, and what a person does about it. Both are sentences without a final full stop. */
export interface ErrorAdvice {
  readonly meaning: string
  readonly next: string
  /** The messages of such errors say themselves what to do, and better, as they know the case. */
  readonly inMessage?: boolean
}

/**
 * Every code that a user may meet, and families (`channel`) for codes that need no advice of their own. The README's
 * table and `ziti-tunnel help errors` are made of this.
 */
export const errorGuide: Readonly<Record<string, ErrorAdvice>> = {
  'dial.refused': {
    meaning: 'The host of the service refused the connection',
    next: 'Read the reason in the message; check that the server behind the service runs, and that its host.v1 config allows this address, port and protocol',
  },
  'dial.no-terminator': {
    meaning: 'Nobody hosts the service at present',
    next: 'Start the tunneler or program that hosts the service, and check that it has Bind permission',
  },
  'dial.no-router': {
    meaning: 'No edge router that may be used for the service is connected',
    next: 'Check that an edge router is online, that this host reaches its port, and the edge-router policies of identity and service',
  },
  'dial.no-service': {
    meaning: 'The network knows no service of that name for this identity',
    next: 'Check the spelling and the Dial service policies of the identity',
  },
  'dial.timeout': {
    meaning: 'The overlay or the host of the service did not answer in time',
    next: 'Check that the hosting side is alive and reaches its server; a slow one may need a larger dialOptions.connectTimeoutSeconds',
  },
  'dial.aborted': {
    meaning: 'The client went away before the connection was made',
    next: 'There is nothing to do unless clients complain: then look for dials that take long',
  },
  'dial.not-permitted': {
    meaning: 'The identity may not dial the service',
    next: 'Ask the network administrator for a Dial service policy',
    inMessage: true,
  },
  'dial.posture': {
    meaning: 'The device does not pass the posture checks of the service',
    next: 'Look up the posture checks of the service policy, and correct what they ask of this device',
  },
  'dial.encryption-required': {
    meaning: 'The service requires end-to-end encryption and the other side sent no key',
    next: 'Update or reconfigure the hosting side; the connection is never made in clear text',
  },
  dial: {
    meaning: 'The dial failed',
    next: 'Run again with -v, and report the message',
  },
  'overlay.closed': {
    meaning: 'The connection of this identity to the network was closed',
    next: 'There is nothing to do while the tunneler stops; otherwise look above for the reason',
  },
  overlay: {
    meaning: 'The connection of this identity to the network is not usable',
    next: 'Look above for the reason',
  },
  auth: {
    meaning: 'The controller did not log this identity in',
    next: 'Check that the identity still exists at the controller and that its certificate is valid; otherwise enroll anew',
    inMessage: true,
  },
  controller: {
    meaning: 'A controller did not answer as it should',
    next: 'Check that the controller runs, that this host reaches its address, and the log of the controller; it is tried again by itself',
    inMessage: true,
  },
  enroll: {
    meaning: 'The enrollment failed',
    next: 'Ask for a new token if this one is used or expired; check that this host reaches the controller',
    inMessage: true,
  },
  channel: {
    meaning: 'The connection to an edge router ended or could not be made',
    next: 'Check that the router runs and that this host reaches its port; it is tried again by itself',
  },
  circuit: {
    meaning: 'The connection through the network ended out of order',
    next: 'Connect again; if it comes often, look at the logs of routers and of the hosting side',
  },
  'bind.not-permitted': {
    meaning: 'The identity may not host the service',
    next: 'Ask the network administrator for a Bind service policy',
  },
  bind: {
    meaning: 'The service could not be offered on a router, or no longer',
    next: 'Check the Bind service policy and the edge routers; it is tried again by itself',
  },
  'tunnel.stopped': {
    meaning: 'The tunneler was stopped while the flow was alive',
    next: 'Connect again; a longer grace time at stop lets flows finish',
  },
  'tunnel.not-idle': {
    meaning: 'The tunneler was started twice, or after it was stopped',
    next: 'Create a new one: a tunneler is started once',
  },
  'host.not-allowed': {
    meaning: 'The caller asks for an address, port, protocol or source that the host config does not allow',
    next: 'Compare the refusal with allowedAddresses, allowedPortRanges, allowedProtocols and allowedSourceAddresses of the service',
  },
  'host.not-supported': {
    meaning: 'The caller asks for something that this tunneler does not do',
    next: 'Look in the release notes whether a newer version does it',
  },
  'host.missing-destination': {
    meaning: 'The host config forwards what the caller asks for, and the caller asked for nothing',
    next: 'Dial through an intercept.v1 config, or put a fixed protocol, address and port into the host config',
  },
  'host.connect-refused': {
    meaning: 'The server behind a hosted service refused the connection',
    next: 'Start the server, or correct address and port in the host config',
  },
  'host.connect-timeout': {
    meaning: 'The server behind a hosted service did not answer in time',
    next: 'Check the address, the route to it and firewalls; the answer must come within 4.5 s, because routers wait no longer than 5 s',
  },
  'host.connect-failed': {
    meaning: 'The server behind a hosted service could not be reached',
    next: 'Read the reason of the operating system in the message; check the address and the route from this host',
  },
  'host.name-not-found': {
    meaning: 'The host name of the server behind a hosted service does not resolve',
    next: 'Check the name in the host config and the DNS of this host',
  },
  'host.source-unavailable': {
    meaning: 'The connection to the server cannot be made from the source address that the caller asks for',
    next: 'Add the address to this host, or remove sourceIp from the intercept.v1 config',
  },
  'host.proxy-failed': {
    meaning: 'The HTTP proxy of the host config did not open the way to the server',
    next: 'Check proxy.address of the host config, and whether the proxy allows CONNECT to the server',
  },
  'host.connection-limit': {
    meaning: 'The hosted service, or this tunneler, has as many connections as it may have',
    next: 'Look for clients that do not close, or raise the limit',
  },
  'host.stopping': {
    meaning: 'The tunneler is stopping and takes no more connections',
    next: 'Try again; another terminator may answer',
  },
  'host.bind-failed': {
    meaning: 'The service could not be offered on the network',
    next: 'Check the Bind service policy and the edge routers; it is tried again by itself',
  },
  'proxy.port-in-use': {
    meaning: 'Another program, or another service, has the port of a listener',
    next: 'Stop that program or choose another port: SERVICE:PORT',
    inMessage: true,
  },
  'proxy.port-forbidden': {
    meaning: 'This user may not listen on that port',
    next: 'Choose a port of 1024 or above, or grant CAP_NET_BIND_SERVICE',
    inMessage: true,
  },
  'proxy.port-invalid': {
    meaning: 'The port of a listener is not from 1 to 65535',
    next: 'Correct SERVICE:PORT, or `port` in the proxy.v1 config',
    inMessage: true,
  },
  'proxy.address-unavailable': {
    meaning: 'The address of a listener is not an address of this host',
    next: 'Correct --bind, or `binding` in the proxy.v1 config',
    inMessage: true,
  },
  'proxy.interface-unknown': {
    meaning: 'The `binding` of a listener is neither an IP address nor an interface with one',
    next: 'Correct --bind, or `binding` in the proxy.v1 config',
    inMessage: true,
  },
  'proxy.spec-invalid': {
    meaning: 'An argument of proxy mode cannot be read',
    next: 'Write SERVICE:PORT or SERVICE:PORT:udp',
    inMessage: true,
  },
  proxy: {
    meaning: 'A listener of proxy mode could not be opened',
    next: 'Read the reason in the message; it is tried again by itself',
  },
  'intercept.failed': {
    meaning: 'The interceptor could not make its changes to the host',
    next: 'Read the message; it is tried again by itself',
  },
  'identity.missing': {
    meaning: 'There is no identity file at that path',
    next: 'Check the path of -i; enroll first with `ziti-tunnel enroll`',
    inMessage: true,
  },
  'identity.none': {
    meaning: 'No identity was given',
    next: 'Name one with -i FILE or --identity-dir DIRECTORY; enroll first with `ziti-tunnel enroll`',
    inMessage: true,
  },
  'identity.unreadable': {
    meaning: 'The identity file cannot be read',
    next: 'Check owner and mode of the file: it should be 0600 and of the user that runs the tunneler',
    inMessage: true,
  },
  'identity.unwritable': {
    meaning: 'The identity file cannot be written',
    next: 'Check owner and mode of the directory, and the space on the disk',
    inMessage: true,
  },
  'identity.not-json': {
    meaning: 'The identity file is not what an enrollment writes',
    next: 'Give the .json file, not the token; enroll again if it is damaged',
    inMessage: true,
  },
  'identity.field': {
    meaning: 'A member of the identity file is missing or wrong',
    next: 'Correct the field that the message names, or enroll again',
    inMessage: true,
  },
  'identity.locator': {
    meaning: 'A key or certificate that the identity file names cannot be read',
    next: 'Correct the path that the message names',
    inMessage: true,
  },
  'identity.key-mismatch': {
    meaning: 'Key and certificate of the identity do not belong together',
    next: 'Restore the pair that was written by one enrollment, or enroll again',
    inMessage: true,
  },
  'identity.refused': {
    meaning: 'The controller does not log this identity in',
    next: 'Check at the controller that it exists and is not disabled; otherwise enroll anew',
    inMessage: true,
  },
  'identity.expired': {
    meaning: 'The certificate of the identity is no longer valid',
    next: 'Check the clock of this host; otherwise ask for a new enrollment token',
    inMessage: true,
  },
  'identity.not-yet-valid': {
    meaning: 'The certificate of the identity is not valid yet',
    next: 'Check the clock of this host',
    inMessage: true,
  },
  'config.invalid': {
    meaning: 'A config of the service does not have the form that its type wants',
    next: 'Correct the named field at the controller; other services are not affected',
  },
  'config.template': {
    meaning: 'A template in a config of the service is broken',
    next: 'Correct the template that the message names at the controller',
  },
  'cli.no-interceptor': {
    meaning: 'This host cannot intercept connections by any means that the program has',
    next: "Read the lines before it, one for each means; 'ziti-tunnel doctor' shows what is missing",
    inMessage: true,
  },
  'cli.no-privilege': {
    meaning: 'The process may not change routes and firewall of this host',
    next: 'Run it with sudo, or give the service the capabilities that the message names; `proxy` and `host` need no privilege',
    inMessage: true,
  },
  'cli.platform': {
    meaning: 'The command needs Linux',
    next: 'Use `proxy` for local ports, or `host` to host',
    inMessage: true,
  },
  'cli.cleanup-forbidden': {
    meaning: 'What was left on this host is for another user to undo',
    next: 'Use sudo',
    inMessage: true,
  },
  'status.none': {
    meaning: 'No tunneler of this user is running',
    next: 'Ask with sudo for one that was started with it, and with the same --state-dir',
    inMessage: true,
  },
  'status.forbidden': {
    meaning: 'The tunneler that runs belongs to another user',
    next: 'Use sudo',
    inMessage: true,
  },
  'capture.none': {
    meaning: 'No tunneler of this user that has a stack of its own is running',
    next: 'Ask with sudo for one that was started with it; connections of `tproxy` are shown by tcpdump itself',
    inMessage: true,
  },
  'capture.several': {
    meaning: 'Several tunnelers run that a capture could be of',
    next: 'Say which by --pid',
    inMessage: true,
  },
  'capture.file': {
    meaning: 'The file of a capture cannot be written',
    next: 'Check the path of --pcap, its directory, and the space on the disk',
    inMessage: true,
  },
  tun: {
    meaning: 'An address of a service cannot be intercepted by the TUN link',
    next: 'Read the reason in the message; other services are not affected',
    inMessage: true,
  },
  'tun.no-device': {
    meaning: 'The TUN link cannot be made',
    next: "Do what the message says: load the module (sudo modprobe tun), give the container the device (--device /dev/net/tun) or CAP_NET_ADMIN",
    inMessage: true,
  },
  'tun.no-ipv6': {
    meaning: 'This host has no IPv6, and a service has an IPv6 address',
    next: 'Turn IPv6 on (sysctl net.ipv6.conf.all.disable_ipv6=0), or give the service an IPv4 address',
    inMessage: true,
  },
  netstack: {
    meaning: 'The TCP/IP stack of the tunneler cannot do what was asked of it',
    next: 'Read the reason in the message',
    inMessage: true,
  },
  tproxy: {
    meaning: 'An address of a service cannot be intercepted, or this host has no firewall that can',
    next: 'Read the reason in the message; other services are not affected',
    inMessage: true,
  },
  firewall: {
    meaning: 'The firewall (nftables or iptables) refused what the interceptor wanted',
    next: "Read the reason in the message; 'ziti-tunnel doctor' shows what this host can do, and --firewall chooses the other",
    inMessage: true,
  },
  'linux.no-namespace': {
    meaning: 'This system gives this user no network namespace for `exec`, or no TUN device in it',
    next: 'Change the setting that the message names, or use `proxy`, which needs neither',
    inMessage: true,
  },
  linux: {
    meaning: 'A call to the kernel failed',
    next: "Read the reason in the message; 'ziti-tunnel doctor' shows what is missing",
    inMessage: true,
  },
  journal: {
    meaning: 'The record of changes to this host cannot be kept, so none is made',
    next: 'Correct the directory that the message names, or choose another with --state-dir',
    inMessage: true,
  },
  resolver: {
    meaning: "This host's resolver cannot be pointed to the tunneler",
    next: 'Read the reason in the message; --resolver file:///etc/hosts does without',
    inMessage: true,
  },
  dns: {
    meaning: 'The DNS server of the tunneler cannot do what was asked of it',
    next: 'Read the reason in the message',
    inMessage: true,
  },
  'dns.port-in-use': {
    meaning: 'Another program has the port of the DNS server',
    next: 'Stop the program that the message names, choose another address with --resolver, or use `tun`, which needs no port of this host',
    inMessage: true,
  },
  'dns.port-forbidden': {
    meaning: 'The process may not use the port of the DNS server: ports below 1024 need CAP_NET_BIND_SERVICE',
    next: 'Grant it, choose another port with --resolver, or use `tun`, which needs no port of this host',
    inMessage: true,
  },
  'dns.pool-exhausted': {
    meaning: 'There are more names of services than addresses in the range for them',
    next: 'Choose a larger range with --dnsSvcIpRange (and --dnsSvcIp6Range)',
    inMessage: true,
  },
  'dns.self-test': {
    meaning: 'Programs of this host do not ask the DNS server of the tunneler, so they would not find services by name',
    next: 'Use --configure-resolver, or follow the lines before it; --dns-self-test warn goes on without',
    inMessage: true,
  },
  'flow.reset': {
    meaning: 'The other end reset the connection',
    next: 'Look at the log of that end',
  },
  'flow.overrun': {
    meaning: 'A part of the tunneler sent without regard to back-pressure',
    next: 'Report it: this is a defect',
  },
}
