/** The dialog that confirms the person's identity, which the server requires before acts that raise rights or
 * lift protections. */
import { whenConfirmationIsRequired } from '../api/client';

class Confirmation {
  /** Methods of confirmation, such as `password` and `totp`; null while the dialog is closed. */
  methods = $state.raw<string[] | null>(null);
  #answer: (confirmed: boolean) => void = () => {};

  constructor() {
    whenConfirmationIsRequired((methods) => this.#ask(methods));
  }

  #ask(methods: string[]): Promise<boolean> {
    this.#answer(false);
    this.methods = methods;
    return new Promise((resolve) => (this.#answer = resolve));
  }

  /** Closes the dialog and continues the request that waits for it. */
  done(confirmed: boolean): void {
    this.methods = null;
    this.#answer(confirmed);
  }
}

export const confirmation = new Confirmation();
