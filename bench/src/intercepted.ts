/** Where programs find the far ends when their connections are intercepted: addresses that nobody has. */
export const intercepted = { sdkHosted: '10.200.0.1', routerHosted: '10.200.0.2', udpHosted: '10.200.0.3' } as const

export const interceptedPort = 7000
