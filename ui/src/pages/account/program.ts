/** `Firefox on Linux`, from a User-Agent; one that is not a browser's is unchanged. */
export function program(agent: string | null | undefined): string {
  if (!agent) return 'Unknown program';
  const browser = [['Edg/', 'Edge'], ['OPR/', 'Opera'], ['Firefox/', 'Firefox'], ['Chrome/', 'Chrome'], ['Safari/', 'Safari']].find(([mark]) => agent.includes(mark!))?.[1];
  const system = [['Android', 'Android'], ['iPhone', 'iPhone'], ['iPad', 'iPad'], ['Windows', 'Windows'], ['Mac OS', 'macOS'], ['Linux', 'Linux']].find(([mark]) => agent.includes(mark!))?.[1];
  if (browser) return system ? `${browser} on ${system}` : browser;
  return agent.split(' ')[0]!;
}
