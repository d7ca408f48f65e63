/**
 * The X.509 library, which needs `reflect-metadata` and some hundred milliseconds to load: only enrolling pays for it.
 */
export async function loadX509(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata')
  return await import('@peculiar/x509')
}
