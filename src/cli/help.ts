const LINE_WIDTH = 79;

/** A name, and beside it what it is, in lines of the help's width. */
export const helpEntry = (name: string, text: string, nameWidth: number): string => {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trimStart();
    if (longer.length > LINE_WIDTH - nameWidth) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.map((line, i) => `${(i === 0 ? name : "").padEnd(nameWidth)}${line}`).join("\n");
};
