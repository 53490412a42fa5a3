export const loader: readonly string[];
