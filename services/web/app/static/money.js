// Money: decimal strings outside, whole hundredths inside. Floating point would lose cents.

/** `money` times a whole number. */
export function times(money, count) {
  return { amount: written(hundredths(money.amount) * BigInt(count)), currency: money.currency };
}

/** The sum of amounts of one currency; null of none. */
export function sum(list) {
  if (list.length === 0) {
    return null;
  }
  const total = list.reduce((so, money) => so + hundredths(money.amount), 0n);
  return { amount: written(total), currency: list[0].currency };
}

/** As the visitor's language writes it. */
export function shown(money) {
  return new Intl.NumberFormat(undefined, { style: "currency", currency: money.currency }).format(money.amount);
}

function hundredths(amount) {
  const [whole, part = ""] = amount.split(".");
  return BigInt(whole + part.padEnd(2, "0"));
}

function written(total) {
  const digits = total.toString().padStart(3, "0");
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
