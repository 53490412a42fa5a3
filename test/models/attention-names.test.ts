import { expect, it } from "vitest";
import { attentionTensorName } from "../../src/models/index.ts";

it.each([
  ["encoder.mid_block.attentions.0.query.weight", "encoder.mid_block.attentions.0.to_q.weight"],
  ["decoder.mid_block.attentions.0.key.bias", "decoder.mid_block.attentions.0.to_k.bias"],
  ["down_blocks.1.attentions.12.value.weight", "down_blocks.1.attentions.12.to_v.weight"],
  ["attentions.0.proj_attn.bias", "attentions.0.to_out.0.bias"],
])("%s of an early checkpoint is %s today", (former, today) => {
  expect(attentionTensorName(former)).toBe(today);
  expect(attentionTensorName(today)).toBe(today);
});

it.each([
  "encoder.mid_block.attentions.0.group_norm.weight",
  "encoder.mid_block.resnets.0.query.weight",
  "encoder.mid_block.attentions.0.query.weight.more",
  "encoder.mid_block.attentions.0.query_norm.weight",
  "my_attentions.0.query.weight",
])("%s stays as it is", (name) => {
  expect(attentionTensorName(name)).toBe(name);
});
