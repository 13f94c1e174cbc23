/** Properties of the instance, which the server writes into the document's head. */
function meta(name: string): string | undefined {
  return document.querySelector<HTMLMetaElement>(`meta[name="keywright-${name}"]`)?.content || undefined;
}

export const instance = {
  /** Display name. */
  organization: meta('organization') ?? 'Keywright',
  /** `open`, `invite` or `off`. */
  signup: meta('signup') ?? 'invite',
  /** Public URL. */
  publicUrl: meta('public-url') ?? location.origin,
};
