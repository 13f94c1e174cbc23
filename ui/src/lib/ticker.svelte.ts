/** One clock for every time on screen: it ticks only while a component uses it. */
import { createSubscriber } from 'svelte/reactivity';

function ticker(every: number): () => number {
  const subscribe = createSubscriber((update) => {
    const timer = setInterval(update, every);
    return () => clearInterval(timer);
  });
  return () => {
    subscribe();
    return Date.now();
  };
}

/** Now, renewed every second. */
export const everySecond = ticker(1_000);
/** Now, renewed twice a minute. */
export const everyHalfMinute = ticker(30_000);
