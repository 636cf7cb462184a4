/** The body has so many values that reading it could end the process. Trying again does not help. */
export class TooComplexBody extends Error {
  constructor() {
    super("the body has more values than can be read");
    this.name = "TooComplexBody";
  }
}
