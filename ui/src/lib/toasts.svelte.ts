/** Short messages about completed actions. */
export interface Toast {
  id: number;
  text: string;
}

class Toasts {
  all = $state<Toast[]>([]);
  #last = 0;

  /** Shows `text` for a few seconds. */
  say(text: string): void {
    const id = ++this.#last;
    this.all.push({ id, text });
    setTimeout(() => (this.all = this.all.filter((toast) => toast.id !== id)), 4000);
  }
}

export const toasts = new Toasts();
