/** A command as people know it: free prompts by their kind of task. */
export function commandName(commandBase: string | null, taskKind: string | null = null): string {
  if (commandBase === null) return "Several commands";
  if (commandBase !== "prompt") return commandBase;
  return taskKind === null ? "Prompts" : `Prompts (${taskKind})`;
}

export function inRepository(repository: string | null): string {
  return repository === null ? "outside of any known repository" : `in ${repository}`;
}

/** Of a session, whose executions need not all be in one. */
export function inOneRepository(repository: string | null): string {
  return repository === null ? "in several repositories or none that is known" : `in ${repository}`;
}

export function modelName(model: string | null): string {
  return model ?? "(no model told)";
}

export function taskKey(commandBase: string, taskKind: string | null): string {
  return JSON.stringify([commandBase, taskKind]);
}
