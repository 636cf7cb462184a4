import { DatabaseError } from "pg";
import { describe, expect, it } from "vitest";
import { endedEvent } from "../../../functions/events/end-events.ts";
import type { ClaimedEvent } from "../../../functions/events/projection.ts";
import {
  ATTEMPTS_MAX,
  readFailureOf,
  retryDelayMs,
  writeFailureOf,
} from "../../../functions/events/retry.ts";
import { TooComplexBody } from "../../../functions/events/too-complex-body.ts";
import { UnreadableBody } from "../../../functions/events/unreadable-body.ts";
import { AppError } from "../../../shared/errors.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function databaseError(code: string): DatabaseError {
  const error = new DatabaseError("value hunter2 is wrong", 22, "error");
  error.code = code;
  return error;
}

const event: ClaimedEvent = {
  organizationId: "o",
  id: "e",
  receivedAt: 1_000,
  sourceId: "s",
  source: "slack",
  eventType: "slack.message",
  action: null,
  deliveryKey: "d",
  headers: {},
  contentType: "application/json",
  body: "{}",
  attempts: 1,
  replays: 0,
  isKnownType: true,
  isEnabledType: true,
};

describe("the wait after a failed try", () => {
  it("grows to at most 2 min, 8 min, 30 min, 2 h, 6 h, 12 h and 24 h, and there is no ninth try", () => {
    const longest = Array.from({ length: 9 }, (_, index) => retryDelayMs(index + 1, () => 1));
    expect(longest).toEqual([
      2 * MINUTE_MS,
      8 * MINUTE_MS,
      30 * MINUTE_MS,
      2 * HOUR_MS,
      6 * HOUR_MS,
      12 * HOUR_MS,
      24 * HOUR_MS,
      null,
      null,
    ]);
    expect(ATTEMPTS_MAX).toBe(8);
  });

  it("is anything between nothing and its bound", () => {
    expect(retryDelayMs(3, () => 0)).toBe(0);
    expect(retryDelayMs(3, () => 0.5)).toBe(15 * MINUTE_MS);
  });
});

function end(error: unknown, attempts = 1) {
  const failure = writeFailureOf(error);
  return endedEvent({ event: { ...event, attempts }, startedAt: 5_000, failure }, 5_250, () => 0.25);
}

describe("how a try ends", () => {
  it("is another try later where the failure can pass", () => {
    for (const error of [
      databaseError("57P01"),
      databaseError("40P01"),
      databaseError("42501"),
      new Error("ECONNRESET"),
    ]) {
      expect(end(error)).toMatchObject({
        status: "failed",
        delayMs: 30_000,
        errorClass: "unavailable",
        durationMs: 250,
      });
    }
    expect(end(new AppError("unavailable", "no"))).toMatchObject({ status: "failed" });
  });

  it("is the dead letters when the tries are used up", () => {
    expect(end(databaseError("57P01"), 7)).toMatchObject({ status: "failed", delayMs: 6 * HOUR_MS });
    expect(end(databaseError("57P01"), 8)).toMatchObject({
      status: "dead_letter",
      delayMs: null,
      errorClass: "attempts_exhausted",
    });
  });

  it("is the dead letters at once where another try would fail the same way", () => {
    const classes = [databaseError("22P05"), databaseError("23514"), databaseError("54001")].map(
      (error) => end(error).errorClass,
    );
    expect(classes).toEqual(["invalid_data", "invalid_data", "invalid_data"]);
    expect(end(databaseError("NT001"))).toMatchObject({ status: "dead_letter", errorClass: "archived" });
    expect(end(new TypeError("hunter2"))).toMatchObject({ status: "dead_letter", errorClass: "internal" });
    expect(readFailureOf(new UnreadableBody())).toMatchObject({
      isPermanent: true,
      errorClass: "unreadable_body",
    });
    expect(readFailureOf(new TooComplexBody())).toMatchObject({
      isPermanent: true,
      errorClass: "too_complex",
    });
    expect(readFailureOf(new RangeError("stack"))).toMatchObject({ errorClass: "invalid_data" });
    expect(readFailureOf(new Error("hunter2"))).toMatchObject({ isPermanent: true, errorClass: "internal" });
  });

  it("never quotes what was being written", () => {
    for (const error of [databaseError("22P02"), databaseError("57014"), new TypeError("hunter2")]) {
      expect(end(error).errorMessage).not.toContain("hunter2");
    }
    expect(readFailureOf(new Error("hunter2")).errorMessage).not.toContain("hunter2");
  });
});
