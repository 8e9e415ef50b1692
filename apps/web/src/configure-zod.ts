// Comes before all schemas. They are compiled with `new Function` where that is possible; the page's policy forbids it, so
// they don't even try.
import { z } from "zod";

z.config({ jitless: true });
