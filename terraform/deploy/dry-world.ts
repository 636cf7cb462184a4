import { commandText, type World } from "./world.ts";

/**
 * A world in which nothing is changed and nobody asked: what would be run is printed in order, and taken to have gone well.
 * Programs that only look at this machine are run, so that it is told what is missing here.
 */
export function dryWorld(world: World, print: (text: string) => void): World {
  let count = 0;
  const number = (): string => String((count += 1)).padStart(3);
  return {
    ...world,
    isDry: true,
    heading: (text) => print(`\n# ${text}\n`),
    tell: () => undefined,
    run: async (command) => {
      print(`${number()}  ${commandText(command)}\n     # ${command.title}\n`);
      if (command.isLocal === true) return world.run(command);
      const { code = 0, stdout = "" } = command.dryAnswer ?? {};
      return { code, stdout, output: stdout };
    },
    ask: async ({ title, method, url, token, dryAnswer }) => {
      print(`${number()}  ${method} ${url}\n     # ${title}${token === undefined ? "" : ", with a token"}\n`);
      return dryAnswer;
    },
    confirm: null,
    sleep: async () => undefined,
  };
}
