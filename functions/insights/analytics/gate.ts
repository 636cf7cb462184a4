import { AppError } from "../../../shared/errors.ts";

/** Lets a bounded number of questions through at once, in all and for each organization. */
export interface Gate {
  /** Runs `work` when it is its turn. @throws AppError unavailable when too many wait already, or it waited too long. */
  run: <T>(organizationId: string, work: () => Promise<T>) => Promise<T>;
}

interface GateLimits {
  running: number;
  runningPerOrganization: number;
  waiting: number;
  waitingPerOrganization: number;
  /** How long a question waits at most. */
  waitMs: number;
}

interface Organization {
  running: number;
  /** Number of the latest turn it had; 0 for one that has just come. */
  turn: number;
  waiting: (() => void)[];
}

/** Organizations take turns: one with many questions waits for its own, not others for it. */
export function createGate(limits: GateLimits): Gate {
  /** Only those that run or wait. */
  const organizations = new Map<string, Organization>();
  let turns = 0;
  let running = 0;
  let waiting = 0;

  function mayRun(organization: Organization): boolean {
    return running < limits.running && organization.running < limits.runningPerOrganization;
  }

  function begin(organization: Organization): void {
    running += 1;
    organization.running += 1;
    turns += 1;
    organization.turn = turns;
  }

  function letNextIn(): void {
    const [next] = [...organizations.values()]
      .filter((organization) => organization.waiting.length > 0 && mayRun(organization))
      .sort((a, b) => a.turn - b.turn);
    if (next === undefined) return;
    begin(next);
    waiting -= 1;
    next.waiting.shift()?.();
  }

  function end(id: string, organization: Organization): void {
    running -= 1;
    organization.running -= 1;
    if (organization.running === 0 && organization.waiting.length === 0) organizations.delete(id);
    letNextIn();
  }

  /** Resolves when it is this question's turn, which has then begun. */
  function wait(id: string, organization: Organization): Promise<void> {
    if (organization.waiting.length >= limits.waitingPerOrganization || waiting >= limits.waiting) {
      throw tooMany();
    }
    return new Promise((resolve, reject) => {
      const goOn = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        organization.waiting.splice(organization.waiting.indexOf(goOn), 1);
        waiting -= 1;
        if (organization.running === 0 && organization.waiting.length === 0) organizations.delete(id);
        reject(tooMany());
      }, limits.waitMs);
      organization.waiting.push(goOn);
      waiting += 1;
    });
  }

  return {
    async run(id, work) {
      const organization = organizations.get(id) ?? { running: 0, turn: 0, waiting: [] };
      if (mayRun(organization) && organization.waiting.length === 0) {
        organizations.set(id, organization);
        begin(organization);
      } else {
        const turn = wait(id, organization);
        organizations.set(id, organization);
        await turn;
      }
      try {
        return await work();
      } finally {
        end(id, organization);
      }
    },
  };
}

function tooMany(): AppError {
  return new AppError("unavailable", "too many questions at once; ask again in a moment", {
    retryAfterSeconds: 2,
  });
}
