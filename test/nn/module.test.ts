import { describe, expect, it } from "vitest";
import { Generator, NDArray, ShapeError } from "../../src/base/index.ts";
import { Buffer, buffers, leaves, linear, loadState, parameters, stateOf } from "../../src/nn/index.ts";

const build = () => ({
  to_out: [linear(new Generator(0), 2, 1), undefined, linear(new Generator(1), 1, 1)],
  scale: new Buffer(NDArray.of([3])),
  note: "not a module",
});

describe("a module's leaves", () => {
  it("are named by their path, holes passed over", () => {
    expect([...parameters(build()).keys()]).toEqual([
      "to_out.0.weight",
      "to_out.0.bias",
      "to_out.2.weight",
      "to_out.2.bias",
    ]);
  });

  it("keep buffers apart from what is learned", () => {
    expect([...buffers(build()).keys()]).toEqual(["scale"]);
    expect([...leaves(build()).keys()]).toEqual([...stateOf(build()).keys()]);
    expect([...stateOf(build()).keys()]).toHaveLength(5);
  });

  it("take the values of another module of the same form", () => {
    const [a, b] = [build(), build()];
    const changed = new Map([...stateOf(a)].map(([name, value]) => [name, value.add(1)]));
    loadState(b, changed);
    expect(stateOf(b)).toEqual(changed);
  });
});

describe("loadState", () => {
  it("lists everything that does not fit, and changes nothing then", () => {
    const module = build();
    const before = stateOf(module);
    const state = new Map(before);
    state.delete("to_out.2.bias");
    state.set("to_out.0.weight", NDArray.zeros([3, 3]));
    state.set("to_out.1.weight", NDArray.zeros([1]));
    expect(() => loadState(module, state)).toThrow(
      new ShapeError({
        who: "loadState",
        expected: "the module's own tensors",
        got: "to_out.0.weight is float32[3, 3] instead of float32[1, 2]; no to_out.2.bias; unknown to_out.1.weight",
      }),
    );
    expect(stateOf(module)).toEqual(before);
  });
});
