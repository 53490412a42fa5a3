;; Numbers of 16 bits made float32. `npm run generate:kernels` assembles this file into halves-wasm.ts.
;;
;; The numbers lie from byte 0 on, at most 32,768 of them; what becomes of them from byte 65,536 on. Four are taken
;; at a time, so that up to three more than $left are written, of whatever lies there.
(module
  (memory (export "memory") 3)

  ;; IEEE 754 binary16: its exponent and fraction, 13 bits further up, are a float32 that is 2^112 too small, also where
  ;; it is subnormal. Infinities and NaN have all bits of the exponent set.
  (func (export "widenHalves") (param $left i32)
    (local $in i32) (local $out i32) (local $four v128) (local $magnitude v128)
    (local.set $out (i32.const 65536))
    (if (local.get $left)
      (then
        (loop $next
          (local.set $four (i32x4.extend_low_i16x8_u (v128.load64_zero (local.get $in))))
          (local.set $magnitude (v128.and (local.get $four) (v128.const i32x4 0x7fff 0x7fff 0x7fff 0x7fff)))
          (v128.store (local.get $out)
            (v128.or
              (v128.or
                (f32x4.mul
                  (i32x4.shl (local.get $magnitude) (i32.const 13))
                  (v128.const f32x4 0x1p112 0x1p112 0x1p112 0x1p112))
                (v128.and
                  (i32x4.gt_s (local.get $magnitude) (v128.const i32x4 0x7bff 0x7bff 0x7bff 0x7bff))
                  (v128.const i32x4 0x7f800000 0x7f800000 0x7f800000 0x7f800000)))
              (i32x4.shl
                (v128.and (local.get $four) (v128.const i32x4 0x8000 0x8000 0x8000 0x8000))
                (i32.const 16))))
          (local.set $in (i32.add (local.get $in) (i32.const 8)))
          (local.set $out (i32.add (local.get $out) (i32.const 16)))
          (local.set $left (i32.sub (local.get $left) (i32.const 4)))
          (br_if $next (i32.gt_s (local.get $left) (i32.const 0)))))))

  ;; bfloat16: the upper half of a float32
  (func (export "widenBrainHalves") (param $left i32)
    (local $in i32) (local $out i32)
    (local.set $out (i32.const 65536))
    (if (local.get $left)
      (then
        (loop $next
          (v128.store (local.get $out)
            (i32x4.shl (i32x4.extend_low_i16x8_u (v128.load64_zero (local.get $in))) (i32.const 16)))
          (local.set $in (i32.add (local.get $in) (i32.const 8)))
          (local.set $out (i32.add (local.get $out) (i32.const 16)))
          (local.set $left (i32.sub (local.get $left) (i32.const 4)))
          (br_if $next (i32.gt_s (local.get $left) (i32.const 0))))))))
