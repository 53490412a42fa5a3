/** What attention's layers were called until diffusers 0.17, and are called today. */
const formerNames: Readonly<Record<string, string>> = {
  query: "to_q",
  key: "to_k",
  value: "to_v",
  proj_attn: "to_out.0",
};

/**
 * Today's name of a tensor of a U-Net or an autoencoder, whose attention may have the names that it had in early
 * checkpoints (as diffusers' `_fix_state_dict_keys_on_load` gives it). Names of today stay as they are.
 */
export const attentionTensorName = (name: string): string =>
  name.replace(
    /(?<=\battentions\.\d+\.)(query|key|value|proj_attn)(?=\.(?:weight|bias)$)/,
    (former) => formerNames[former] as string,
  );
