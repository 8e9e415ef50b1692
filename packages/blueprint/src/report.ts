/** How a rule tells a mistake: the file, the JSON pointer of the value (or of the key, if that is what is wrong), a sentence. */
export type Report = (file: string, pointer: string, message: string) => void;
