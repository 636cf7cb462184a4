const STEPS_MAX = 200;
const TINY = 1e-300;

/** The value that a Beta(a, b) variable stays below with probability `share`, to 1e-9, by bisection. */
export function betaQuantile(a: number, b: number, share: number): number {
  const scale = logGamma(a + b) - logGamma(a) - logGamma(b);
  let low = 0;
  let high = 1;
  for (let step = 0; step < 32; step++) {
    const middle = (low + high) / 2;
    if (betaShareBelow(a, b, middle, scale) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * The regularized incomplete beta function, with `scale` = −ln B(a, b). Source: continued fraction 8.17.22 of the NIST DLMF, by
 * Lentz's method.
 */
function betaShareBelow(a: number, b: number, x: number, scale: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaShareBelow(b, a, 1 - x, scale);
  const front = Math.exp(scale + a * Math.log(x) + b * Math.log1p(-x));
  let d = 1 / notZero(1 - ((a + b) * x) / (a + 1));
  let c = 1;
  let fraction = d;
  for (let m = 1; m <= STEPS_MAX; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    const before = fraction;
    for (const part of [even, odd]) {
      d = 1 / notZero(1 + part * d);
      c = notZero(1 + part / c);
      fraction *= c * d;
    }
    if (Math.abs(fraction - before) < 1e-12 * Math.abs(fraction)) break;
  }
  return (front * fraction) / a;
}

/** Stirling's series after shifting the argument above 10; exact to about 1e-13. */
function logGamma(x: number): number {
  let shift = 0;
  let at = x;
  for (; at < 10; at++) shift += Math.log(at);
  const inverse = 1 / (at * at);
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / at;
  return (at - 0.5) * Math.log(at) - at + Math.log(2 * Math.PI) / 2 + series - shift;
}

function notZero(value: number): number {
  return Math.abs(value) < TINY ? TINY : value;
}
