import type { InsightCell } from "../../../shared/insight-cells.ts";
import type { Subject } from "./rule.ts";

/** The cells of one command, kind of task and repository: the same work by different models. */
export interface Task {
  commandBase: string;
  taskKind: string | null;
  repository: string | null;
  cells: InsightCell[];
}

/** Facts never change, and every finding asks for its task again. */
const grouped = new WeakMap<readonly InsightCell[], Map<string, Task>>();

function tasksOf(cells: readonly InsightCell[]): Map<string, Task> {
  const known = grouped.get(cells);
  if (known !== undefined) return known;
  const tasks = new Map<string, Task>();
  for (const cell of cells) {
    const { commandBase, taskKind, repository } = cell;
    const key = keyOfTask(cell);
    const task = tasks.get(key);
    if (task === undefined) tasks.set(key, { commandBase, taskKind, repository, cells: [cell] });
    else task.cells.push(cell);
  }
  grouped.set(cells, tasks);
  return tasks;
}

export function groupTasks(cells: readonly InsightCell[]): Task[] {
  return [...tasksOf(cells).values()];
}

export function findTask(cells: readonly InsightCell[], subject: Subject): Task | undefined {
  const { command_base: commandBase = null, task_kind: taskKind = null, repository = null } = subject;
  return tasksOf(cells).get(JSON.stringify([commandBase, taskKind, repository]));
}

export function keyOfTask({ commandBase, taskKind, repository }: Omit<Task, "cells">): string {
  return JSON.stringify([commandBase, taskKind, repository]);
}

export function subjectOf({ commandBase, taskKind, repository }: Omit<Task, "cells">): Subject {
  return { command_base: commandBase, task_kind: taskKind, repository };
}

type Count = { [Key in keyof InsightCell]: InsightCell[Key] extends number ? Key : never }[keyof InsightCell];
type Money = "costPico" | "lostCostPico" | "emptyCostPico";

export function countOf(cells: readonly InsightCell[], name: Count): number {
  return cells.reduce((sum, cell) => sum + cell[name], 0);
}

export function moneyOf(cells: readonly InsightCell[], name: Money): bigint {
  return cells.reduce((sum, cell) => sum + cell[name], 0n);
}
