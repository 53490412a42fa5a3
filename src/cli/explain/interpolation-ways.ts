import { lerp, slerp } from "../../samplers/index.ts";

/** The two ways between noises [n, ...] that are compared. */
export const ways = { linear: lerp, spherical: slerp } as const;
export type Way = keyof typeof ways;
export const wayNames = Object.keys(ways) as Way[];
