// The nearest neighbours along one axis that DALI's CPU kernel and its GPU kernel choose, from the headers of its wheel.
#include <cmath>
#include <cuda_runtime.h>

// The GPU kernel is compiled for the host, with one thread.
#undef __device__
#define __device__
static const struct { unsigned x, y, z; } threadIdx{0, 0, 0}, blockDim{1, 1, 1};
inline float __fmaf_rn(float a, float b, float c) { return std::fmaf(a, b, c); }
template <typename T> inline T __ldg(const T *p) { return *p; }
#include "dali/core/geom/vec.h"
#include "dali/kernels/imgproc/surface.h"
#include "dali/kernels/imgproc/resample/nearest_impl.cuh"
#include "dali/kernels/imgproc/resample/resampling_impl_cpu.h"

// `in` is 0, 1, ... from - 1, so what is copied from it are the chosen positions.
extern "C" void nearest(int from, int to, const int *in, int *cpu, int *gpu) {
  using namespace dali;
  using namespace dali::kernels;
  float scale = static_cast<float>(from) / to;
  Surface2D<const int> source{in, 1, from, 1, 1, 1, 1};
  Surface2D<int> target{cpu, 1, to, 1, 1, 1, 1};
  ResampleNN(target, source, vec2(0.f, 0.f), vec2(1.f, scale));
  NNResample(ivec2(0, 0), ivec2(1, to), vec2(0.f, 0.f), vec2(1.f, scale), gpu, vec<1, ptrdiff_t>(1), in,
             vec<1, ptrdiff_t>(1), ivec2(1, from), 1);
}
