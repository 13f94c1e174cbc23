/** Facts about the instance, which the server writes into the document's head. */
function meta(name: string): string | undefined {
  return document.querySelector<HTMLMetaElement>(`meta[name="keywright-${name}"]`)?.content || undefined;
}

export const instance = {
  /** The shown name. */
  organization: meta('organization') ?? 'Keywright',
  /** `open`, `invite` or `off`. */
  signup: meta('signup') ?? 'invite',
  /** Where this instance is reached. */
  publicUrl: meta('public-url') ?? location.origin,
};
