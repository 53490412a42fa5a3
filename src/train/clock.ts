/** Weight of the past in the smoothed time of a step. */
const MEMORY = 0.95;

/** Wall time of a training, over all its sessions, and how fast it goes. */
export class Clock {
  private readonly before: number;
  private readonly started = performance.now();
  private last: number | null = null;
  private smoothed: number | null = null;

  /** @param before seconds of the sessions before this one */
  constructor(before: number) {
    this.before = before;
  }

  get seconds(): number {
    return this.before + (performance.now() - this.started) / 1000;
  }

  /** Call before each step. */
  start(): void {
    this.last = performance.now();
  }

  /** Call after each step; gives the smoothed seconds of one. */
  lap(): number {
    const took = (performance.now() - (this.last ?? performance.now())) / 1000;
    this.smoothed = this.smoothed === null ? took : MEMORY * this.smoothed + (1 - MEMORY) * took;
    return this.smoothed;
  }
}
