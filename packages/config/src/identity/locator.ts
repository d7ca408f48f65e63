import { resolve } from 'node:path'

/** Where a key or certificate is (protocol section 1.2). */
export type Locator =
  | { readonly kind: 'pem'; readonly pem: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'unsupported'; readonly reason: string }

/** Two letters at least: `C:\keys\me.pem` is a path. */
const scheme = /^([a-z][a-z0-9+.-]+):/i

const hardware = 'use pem: or file:; keys in hardware and key stores are not supported'

/** `directory` is the base of relative paths: that of the identity file. */
export function parseLocator(text: string, directory: string, platform: NodeJS.Platform = process.platform): Locator {
  // A bare PEM text has no scheme (the C tools take it), and Go tolerates `pem://`.
  if (text.trimStart().startsWith('-----BEGIN')) return { kind: 'pem', pem: text }
  const name = scheme.exec(text)?.[1]
  switch (name?.toLowerCase()) {
    case undefined:
      return file(text, directory)
    case 'pem':
      return { kind: 'pem', pem: text.replace(/^pem:(?:\/\/)?/i, '') }
    case 'file':
      return fileUrl(text, directory, platform)
    case 'pkcs11':
      return { kind: 'unsupported', reason: `is a PKCS#11 key (pkcs11:), which this program cannot reach; ${hardware}` }
    case 'keychain':
      return { kind: 'unsupported', reason: `is a key in a key store (keychain:), which this program cannot reach; ${hardware}` }
    default:
      // The rest of the text stays out of the message: it may hold a PIN.
      return { kind: 'unsupported', reason: `needs the key engine "${name}:", which this program does not have; ${hardware}` }
  }
}

function fileUrl(text: string, directory: string, platform: NodeJS.Platform): Locator {
  // `file://rel/path` is a relative path, not a host: tools write it so.
  const written = text.replace(/^file:(?:\/\/)?/i, '')
  try {
    const path = decodeURIComponent(written)
    return file(platform === 'win32' ? path.replace(/^\/(?=[a-z]:)/i, '') : path, directory)
  } catch {
    return { kind: 'unsupported', reason: 'is a file URL with a malformed % escape; write a literal % as %25, or leave file:// away' }
  }
}

function file(path: string, directory: string): Locator {
  if (path === '') return { kind: 'unsupported', reason: 'names no file' }
  if (path.includes('\0')) return { kind: 'unsupported', reason: 'has a NUL character in its path' }
  return { kind: 'file', path: resolve(directory, path) }
}
