/** A greeting for `name`, or for the world. */
export function greet(name = "world") {
  return `Hello, ${name}!`;
}
