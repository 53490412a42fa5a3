;; The optimizers' arithmetic over flat float32 buffers. `npm run generate:kernels` assembles this file into
;; kernels-wasm.ts.
;;
;; A buffer is given by its byte address; $left counts the elements to come. Vectors of four elements are never
;; split: with a length that is no multiple of four, the last one reaches up to 12 bytes past the end of each
;; buffer. FlatMemory, the caller, has zeros there meanwhile, which every kernel takes to zeros.
(module
  (import "optim" "memory" (memory 1))

  ;; sum of x², in double precision so that finite elements have a finite sum
  (func (export "sumOfSquares") (param $x i32) (param $left i32) (result f64)
    (local $four v128) (local $two v128) (local $low v128) (local $high v128)
    (if (local.get $left)
      (then
        (loop $next
          (local.set $four (v128.load (local.get $x)))
          (local.set $two (f64x2.promote_low_f32x4 (local.get $four)))
          (local.set $low (f64x2.add (local.get $low) (f64x2.mul (local.get $two) (local.get $two))))
          (local.set $two
            (f64x2.promote_low_f32x4
              (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $four) (local.get $four))))
          (local.set $high (f64x2.add (local.get $high) (f64x2.mul (local.get $two) (local.get $two))))
          (local.set $x (i32.add (local.get $x) (i32.const 16)))
          (local.set $left (i32.sub (local.get $left) (i32.const 4)))
          (br_if $next (i32.gt_s (local.get $left) (i32.const 0))))))
    (local.set $two (f64x2.add (local.get $low) (local.get $high)))
    (f64.add (f64x2.extract_lane 0 (local.get $two)) (f64x2.extract_lane 1 (local.get $two))))

  ;; g   = scale · gradient + coupled · p
  ;; m   ← beta1 · m + rest1 · g              rest1 = 1 − beta1
  ;; v   ← beta2 · v + rest2 · g²             rest2 = 1 − beta2
  ;; p   ← p − (decoupled · p + rate · m / (root · √v + eps))
  ;; ema ← ema + follow · (p − ema)
  (func (export "adam")
    (param $p i32) (param $gradient i32) (param $ema i32) (param $m i32) (param $v i32) (param $left i32)
    (param $scale f32) (param $coupled f32) (param $follow f32)
    (param $beta1 f32) (param $rest1 f32) (param $beta2 f32) (param $rest2 f32)
    (param $decoupled f32) (param $rate f32) (param $root f32) (param $eps f32)
    (local $pNow v128) (local $mNow v128) (local $vNow v128) (local $emaNow v128) (local $g v128)
    (if (local.get $left)
      (then
        (loop $next
          (local.set $pNow (v128.load (local.get $p)))
          (local.set $g
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $scale)) (v128.load (local.get $gradient)))
              (f32x4.mul (f32x4.splat (local.get $coupled)) (local.get $pNow))))
          (local.set $mNow
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $beta1)) (v128.load (local.get $m)))
              (f32x4.mul (f32x4.splat (local.get $rest1)) (local.get $g))))
          (v128.store (local.get $m) (local.get $mNow))
          (local.set $vNow
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $beta2)) (v128.load (local.get $v)))
              (f32x4.mul (f32x4.mul (f32x4.splat (local.get $rest2)) (local.get $g)) (local.get $g))))
          (v128.store (local.get $v) (local.get $vNow))
          (local.set $pNow
            (f32x4.sub
              (local.get $pNow)
              (f32x4.add
                (f32x4.mul (f32x4.splat (local.get $decoupled)) (local.get $pNow))
                (f32x4.div
                  (f32x4.mul (f32x4.splat (local.get $rate)) (local.get $mNow))
                  (f32x4.add
                    (f32x4.mul (f32x4.splat (local.get $root)) (f32x4.sqrt (local.get $vNow)))
                    (f32x4.splat (local.get $eps)))))))
          (v128.store (local.get $p) (local.get $pNow))
          (local.set $emaNow (v128.load (local.get $ema)))
          (v128.store
            (local.get $ema)
            (f32x4.add
              (local.get $emaNow)
              (f32x4.mul (f32x4.splat (local.get $follow)) (f32x4.sub (local.get $pNow) (local.get $emaNow)))))
          (local.set $p (i32.add (local.get $p) (i32.const 16)))
          (local.set $gradient (i32.add (local.get $gradient) (i32.const 16)))
          (local.set $ema (i32.add (local.get $ema) (i32.const 16)))
          (local.set $m (i32.add (local.get $m) (i32.const 16)))
          (local.set $v (i32.add (local.get $v) (i32.const 16)))
          (local.set $left (i32.sub (local.get $left) (i32.const 4)))
          (br_if $next (i32.gt_s (local.get $left) (i32.const 0)))))))

  ;; g        = scale · gradient + coupled · p
  ;; velocity ← momentum · velocity + g
  ;; p        ← p − (rate · g + velocityRate · velocity)
  ;; ema      ← ema + follow · (p − ema)
  (func (export "sgd")
    (param $p i32) (param $gradient i32) (param $ema i32) (param $velocity i32) (param $left i32)
    (param $scale f32) (param $coupled f32) (param $follow f32)
    (param $momentum f32) (param $rate f32) (param $velocityRate f32)
    (local $pNow v128) (local $velocityNow v128) (local $emaNow v128) (local $g v128)
    (if (local.get $left)
      (then
        (loop $next
          (local.set $pNow (v128.load (local.get $p)))
          (local.set $g
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $scale)) (v128.load (local.get $gradient)))
              (f32x4.mul (f32x4.splat (local.get $coupled)) (local.get $pNow))))
          (local.set $velocityNow
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $momentum)) (v128.load (local.get $velocity)))
              (local.get $g)))
          (v128.store (local.get $velocity) (local.get $velocityNow))
          (local.set $pNow
            (f32x4.sub
              (local.get $pNow)
              (f32x4.add
                (f32x4.mul (f32x4.splat (local.get $rate)) (local.get $g))
                (f32x4.mul (f32x4.splat (local.get $velocityRate)) (local.get $velocityNow)))))
          (v128.store (local.get $p) (local.get $pNow))
          (local.set $emaNow (v128.load (local.get $ema)))
          (v128.store
            (local.get $ema)
            (f32x4.add
              (local.get $emaNow)
              (f32x4.mul (f32x4.splat (local.get $follow)) (f32x4.sub (local.get $pNow) (local.get $emaNow)))))
          (local.set $p (i32.add (local.get $p) (i32.const 16)))
          (local.set $gradient (i32.add (local.get $gradient) (i32.const 16)))
          (local.set $ema (i32.add (local.get $ema) (i32.const 16)))
          (local.set $velocity (i32.add (local.get $velocity) (i32.const 16)))
          (local.set $left (i32.sub (local.get $left) (i32.const 4)))
          (br_if $next (i32.gt_s (local.get $left) (i32.const 0))))))))
