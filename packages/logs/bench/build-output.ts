// Bytes that look like what builds print, always the same ones.

const words =
  "build src lib module test spec util index main config server client handler router component render parser token stream buffer cache error warning info debug compile link object target release node_modules package dependency version resolve fetch install".split(
    " ",
  );

export function buildOutput(sizeBytes: number): Buffer {
  let seed = 42;
  const number = (limit: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (seed >>> 8) % limit;
  };
  const word = (): string => words[number(words.length)]!;
  const hex = (length: number): string => Array.from({ length }, () => number(16).toString(16)).join("");
  const kinds: (() => string)[] = [
    () =>
      `npm http fetch GET 200 https://registry.example.org/${word()}-${word()}/-/${word()}-${number(20)}.${number(30)}.tgz ${number(900)}ms (cache miss)`,
    () =>
      `[ ${number(100)}%] Building CXX object ${word()}/CMakeFiles/${word()}.dir/${word()}/${word()}_${word()}.cpp.o`,
    () => `  \u2713 ${word()} should ${word()} the ${word()} when ${word()} is ${word()} (${number(300)} ms)`,
    () =>
      `2026-01-${10 + number(18)}T12:${10 + number(49)}:${10 + number(49)}.${100 + number(899)}Z INFO  ${word()}.${word()} - ${word()} took ${number(1000)}ms`,
    () =>
      `gcc -O2 -Wall -Wextra -I./include -I/usr/include/${word()} -DVERSION=\\"${number(9)}.${number(9)}\\" -c -o ${word()}/${word()}.o ${word()}.c`,
    () => `    at ${word()}.${word()} (/workspace/${word()}/${word()}/${word()}.ts:${number(900)}:${number(80)})`,
    () => `sha256:${hex(64)} ${word()} ${number(100)}MB`,
    () =>
      `\x1b[32mok\x1b[0m  \tgithub.com/${word()}/${word()}\t${number(9)}.${number(999)}s\tcoverage: ${number(100)}.${number(9)}% of statements`,
    () => `Downloading ${word()} [${"=".repeat(number(50))}>${" ".repeat(number(30))}] ${number(100)}%`,
  ];
  const lines: string[] = [];
  for (let size = 0; size < 4_194_304; size += lines.at(-1)!.length + 1) lines.push(kinds[number(kinds.length)]!());
  return Buffer.alloc(sizeBytes, `${lines.join("\n")}\n`);
}

export const tenSecrets = [
  "s3cr3t-Passw0rd!",
  "hunter2hunter2",
  "4be1c7e0aa8f3b0d4c5e9f1a2b3c4d5e6f708192",
  "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4MDEyMzQ1",
  "xoxb-not-a-real-token-0123456789",
  "postgres://user:p%40ss@db.internal:5432/app",
  "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  "correct horse battery staple",
  "xk7Q-zz19-PPlm-0021",
  '{"type": "service_account", "private_key_id": "0a1b2c3d4e5f"}',
].map((value, index) => ({ name: `SECRET_${index}`, value }));
