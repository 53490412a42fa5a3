#include "map.h"

namespace undiffuse {

namespace {

constexpr int64_t BLOCK = 16;  // a line of the cache, of 4-byte elements

// out[i · outStride + j] = in[i + j · inStride]: lines of both are in the cache together.
template <class T>
void transpose(const T* in, int64_t inStride, T* out, int64_t outStride, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i)
#pragma omp simd
    for (int64_t j = 0; j < columns; ++j) out[i * outStride + j] = in[i + j * inStride];
}

template <class T>
void copyRow(const T* in, int64_t inStride, T* out, int64_t outStride, int64_t n) {
  if (inStride == 1 && outStride == 1) {
    std::copy_n(in, n, out);
  } else if (inStride == 0 && outStride == 1) {
    std::fill_n(out, n, *in);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i * outStride] = in[i * inStride];
  }
}

// Copies the box a tile of rows × columns at a time, where rows are of dimension `row`, columns of the last.
template <class T>
void copyTiles(const Box& box, size_t row, int64_t rows, int64_t columns, bool transposes, int threads) {
  const size_t inner = box.dims.size() - 1;
  const Operand &in = box.inputs[0], &out = box.out;
  const int64_t rowTiles = (box.dims[row] + rows - 1) / rows, columnTiles = (box.dims[inner] + columns - 1) / columns;
  int64_t tiles = rowTiles * columnTiles;
  for (size_t d = 0; d < inner; ++d)
    if (d != row) tiles *= box.dims[d];
  const T* from = reinterpret_cast<const T*>(in.value->data) + in.offset;
  T* to = reinterpret_cast<T*>(out.value->data) + out.offset;
  parallel(tiles, threads, [&](int64_t begin, int64_t end, int) {
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t column = tile % columnTiles * columns, first = tile / columnTiles % rowTiles * rows;
      int64_t a = first * in.strides[row] + column * in.strides[inner];
      int64_t b = first * out.strides[row] + column * out.strides[inner];
      int64_t rest = tile / columnTiles / rowTiles;
      for (int64_t d = static_cast<int64_t>(inner) - 1; d >= 0; --d) {
        if (d == static_cast<int64_t>(row)) continue;
        a += rest % box.dims[d] * in.strides[d];
        b += rest % box.dims[d] * out.strides[d];
        rest /= box.dims[d];
      }
      const int64_t height = std::min(rows, box.dims[row] - first), width = std::min(columns, box.dims[inner] - column);
      if (transposes) {
        transpose(from + a, in.strides[inner], to + b, out.strides[row], height, width);
        continue;
      }
      for (int64_t i = 0; i < height; ++i)
        copyRow(from + a + i * in.strides[row], in.strides[inner], to + b + i * out.strides[row], out.strides[inner],
                width);
    }
  });
}

}  // namespace

Step prepareCopy(Setup& setup, const Box& box) {
  const size_t inner = box.dims.size() - 1;
  size_t row = inner - 1;
  bool transposes = false;
  if (box.out.strides[inner] == 1 && box.inputs[0].strides[inner] != 1)
    for (size_t d = 0; d < inner; ++d)
      if (box.inputs[0].strides[d] == 1) row = d, transposes = true;
  const int64_t columns = transposes ? BLOCK : std::min<int64_t>(box.dims[inner], 4096);
  const int64_t rows = transposes ? BLOCK : std::max<int64_t>(1, 4096 / columns);
  int64_t size = 1;
  for (const int64_t dim : box.dims) size *= dim;
  const int threads = threadsFor(size, setup.threads);
  const size_t width = box.out.value->width();
  if (width == 1) return [=] { copyTiles<uint8_t>(box, row, rows, columns, transposes, threads); };
  if (width == 2) return [=] { copyTiles<uint16_t>(box, row, rows, columns, transposes, threads); };
  return [=] { copyTiles<uint32_t>(box, row, rows, columns, transposes, threads); };
}

}  // namespace undiffuse
