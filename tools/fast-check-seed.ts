// Property tests try the same values each time, so that a failure can be seen again and is somebody's doing. To look for new
// ones: FAST_CHECK_SEED=random pnpm vitest run --project unit
import fc from "fast-check";

const wanted = process.env["FAST_CHECK_SEED"] ?? "20261123";
if (wanted !== "random") fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(wanted) });
