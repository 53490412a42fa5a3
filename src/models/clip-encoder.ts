import type { Generator } from "../base/index.ts";
import { layerNorm, linear, quickGelu } from "../nn/index.ts";
import { gelu, type Tensor } from "../tensor/index.ts";
import type { ClipTextConfig, ClipVisionConfig } from "./clip-config.ts";
import { maskedAttention } from "./masked-attention.ts";

type ClipConfig = ClipTextConfig | ClipVisionConfig;

const activations = { quick_gelu: quickGelu, gelu };

const selfAttention = (random: Generator, { hidden_size: width, num_attention_heads: heads }: ClipConfig) => {
  const project = () => linear(random, width, width);
  const [k_proj, v_proj, q_proj, out_proj] = [project(), project(), project(), project()];
  const attributes = { heads, scale: 1 / Math.sqrt(width / heads) };
  return {
    k_proj,
    v_proj,
    q_proj,
    out_proj,
    forward: (x: Tensor, mask: Tensor | undefined): Tensor =>
      out_proj.forward(
        maskedAttention([q_proj.forward(x), k_proj.forward(x), v_proj.forward(x)], attributes, mask),
      ),
  };
};

const perceptron = (random: Generator, { hidden_size, intermediate_size, hidden_act }: ClipConfig) => {
  const fc1 = linear(random, hidden_size, intermediate_size);
  const fc2 = linear(random, intermediate_size, hidden_size);
  const activation = activations[hidden_act];
  return { fc1, fc2, forward: (x: Tensor): Tensor => fc2.forward(activation(fc1.forward(x))) };
};

const encoderLayer = (random: Generator, config: ClipConfig) => {
  const self_attn = selfAttention(random, config);
  const layer_norm1 = layerNorm(config.hidden_size, config.layer_norm_eps);
  const mlp = perceptron(random, config);
  const layer_norm2 = layerNorm(config.hidden_size, config.layer_norm_eps);
  return {
    self_attn,
    layer_norm1,
    mlp,
    layer_norm2,
    forward(x: Tensor, mask: Tensor | undefined): Tensor {
      const attended = self_attn.forward(layer_norm1.forward(x), mask).add(x);
      return mlp.forward(layer_norm2.forward(attended)).add(attended);
    },
  };
};

/**
 * The transformer that text and images share (Radford et al. 2021, section 2.4): rows [n, tokens, width], of which it
 * gives all states, first as they came, then after each layer.
 */
export const clipEncoder = (random: Generator, config: ClipConfig) => {
  const layers = Array.from({ length: config.num_hidden_layers }, () => encoderLayer(random, config));
  return {
    layers,
    forward(x: Tensor, mask?: Tensor): readonly Tensor[] {
      const states = [x];
      for (const layer of layers) states.push(layer.forward(states.at(-1) as Tensor, mask));
      return states;
    },
  };
};
