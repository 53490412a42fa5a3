/**
 * Whether a name from a file names something in its own folder: no way up or down, no drive, no control characters, on
 * any operating system.
 */
export const isPlainName = (name: string): boolean =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  name.length > 0 && name.length <= 255 && !/[/\\:\u0000-\u001f]/.test(name) && !/^\.+$/.test(name);
