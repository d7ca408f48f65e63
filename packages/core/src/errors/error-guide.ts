/** What an error code means, and what a person does about it. Both are sentences without a final full stop. */
export interface ErrorAdvice {
  readonly meaning: string
  readonly next: string
}

/** Every code that a user may meet. The README's table and the help of the CLI are made of this. */
export const errorGuide: Readonly<Record<string, ErrorAdvice>> = {
  'dial.refused': {
    meaning: 'The host of the service refused the connection',
    next: 'Read the reason in the message; check that the server behind the service runs and that its host.v1 config allows this address, port and protocol',
  },
  'dial.no-terminator': {
    meaning: 'Nobody hosts the service at present',
    next: 'Start the tunneler or program that hosts the service, and check that it has Bind permission',
  },
  'dial.no-router': {
    meaning: 'No edge router that may be used for the service is connected',
    next: 'Check that an edge router is online, that this host reaches its port, and the edge-router policies of the identity and the service',
  },
  'dial.timeout': {
    meaning: 'The overlay or the host of the service did not answer in time',
    next: 'Check that the hosting side is alive and reaches its server; a slow one may need a larger dialOptions.connectTimeoutSeconds',
  },
  'dial.aborted': {
    meaning: 'The client went away before the connection was made',
    next: 'Nothing, unless clients complain: then look for dials that take long',
  },
  'dial.not-permitted': {
    meaning: 'The identity may not dial the service',
    next: 'Ask the network administrator for a Dial service policy; posture checks that fail have the same effect',
  },
  'dial.encryption-required': {
    meaning: 'The service requires end-to-end encryption and the other side sent no key',
    next: 'Update or reconfigure the hosting side; the connection is never made in clear text',
  },
  'dial.failed': {
    meaning: 'The dial failed in a way that has no name of its own',
    next: 'Run again with -v and report the message',
  },
  'overlay.closed': {
    meaning: 'The connection of this identity to the network was closed',
    next: 'Nothing while the tunneler stops; otherwise look above for the reason',
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
    meaning: 'The outgoing connection cannot be made from the source address that the caller asks for',
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
  'proxy.listen-failed': {
    meaning: 'A listener of proxy mode could not be opened',
    next: 'Read the reason in the message: another program has the port, or the address is not of this host; it is tried again by itself',
  },
  'proxy.address-in-use': {
    meaning: 'Another program listens on the port of a listener',
    next: 'Stop that program or choose another port: SERVICE:PORT',
  },
  'proxy.address-unavailable': {
    meaning: 'The address of a listener is not an address of this host',
    next: 'Correct --bind, or `binding` in the proxy.v1 config',
  },
  'proxy.permission': {
    meaning: 'This user may not listen on that port',
    next: 'Choose a port of 1024 or above, or grant CAP_NET_BIND_SERVICE',
  },
  'intercept.failed': {
    meaning: 'The interceptor could not make its changes to the host',
    next: 'Read the message; it is tried again by itself',
  },
  'identity.not-found': {
    meaning: 'The identity file does not exist',
    next: 'Check the path of -i; enroll first with `ziti-tunnel enroll -j TOKEN.jwt -o IDENTITY.json`',
  },
  'identity.unreadable': {
    meaning: 'The identity file cannot be read',
    next: 'Check owner and mode of the file: it should be 0600 and of the user that runs the tunneler',
  },
  'identity.malformed': {
    meaning: 'The identity file is not what an enrollment writes',
    next: 'Correct the named field, or enroll again',
  },
  'identity.key-mismatch': {
    meaning: 'Key and certificate of the identity do not belong together',
    next: 'Restore the file that was written with the certificate, or enroll again',
  },
  'identity.expired': {
    meaning: 'The certificate of the identity is no longer valid',
    next: 'Check the clock of this host; otherwise ask for a new enrollment token',
  },
  'config.malformed': {
    meaning: 'A config of the service does not have the form that its type wants',
    next: 'Correct the named field at the controller; other services are not affected',
  },
  'flow.overrun': {
    meaning: 'A part of the tunneler sent without regard to back-pressure',
    next: 'Report it: this is a defect',
  },
}
