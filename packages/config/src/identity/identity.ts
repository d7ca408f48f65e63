/** An identity as the SDK needs it: locators are read, URLs are whole. Times and keys were checked by `loadIdentity`. */
export interface IdentityConfig {
  /** Client API URLs, best first, at least one: `https://host:port/edge/client/v1`, no trailing slash. */
  readonly controllers: readonly string[]
  /** Private key, PEM. Absent, with `cert`, for identities that log in otherwise. */
  readonly key?: string
  /** Certificate chain, PEM, leaf first. */
  readonly cert?: string
  /** Trust bundle for controllers and routers, PEM. The system's roots when absent. */
  readonly ca?: string
  readonly configTypes?: readonly string[]
  /** Name of the file (or `standard input`, `$NAME`) for messages. */
  readonly source: string
  /** The file's own JSON object, unknown members too: rewrite with `writeIdentity(path, { ...raw, changed })`. */
  readonly raw: Readonly<Record<string, unknown>>
}

/** A path, `-` for standard input or `env:NAME`; or the text itself, with a name for messages and a base for its paths. */
export type IdentityOrigin = { readonly file: string } | { readonly text: string; readonly name: string; readonly directory?: string }
