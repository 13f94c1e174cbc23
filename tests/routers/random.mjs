/** Numbers from a seed (mulberry32), so that a run can be repeated. */
export class Random {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  /** From 0 up to 1. */
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number below `end`. */
  below(end) {
    return Math.floor(this.next() * end);
  }

  /** One of a list. */
  of(list) {
    return list[this.below(list.length)];
  }

  chance(share) {
    return this.next() < share;
  }
}
