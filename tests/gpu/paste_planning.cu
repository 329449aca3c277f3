// DALI's own planning of multi_paste on the GPU, from the header in its wheel: host code, so it runs without a GPU.
#include "dali/kernels/imgproc/paste/paste_gpu.h"

#include <vector>

namespace paste = dali::kernels::paste;
using Rectangles = paste::MultiPasteSampleInput<2>;

// For every pixel of a one-channel output of height x width: the input and sample it is read from, and the offset there,
// as PasteKernel computes it; -1, -1, -1 where nothing is pasted.
//
// `shape_of_input_0` is what DALI 2.4's operator gives for every input (multi_paste.cu, SetupTyped).
extern "C" void read_from(int height, int width, int rectangles, const int *inputs, const int *samples,
                          const int *from, const int *to, const int *shape, int batch, const int *shape_of_input_0,
                          int *out) {
  Rectangles sample;
  sample.out_size = {height, width};
  sample.channels = 1;
  int most = 0;
  for (int j = 0; j < rectangles; j++) {
    Rectangles::InputPatch patch;
    patch.in_anchor = {from[2 * j], from[2 * j + 1]};
    patch.out_anchor = {to[2 * j], to[2 * j + 1]};
    patch.size = {shape[2 * j], shape[2 * j + 1]};
    patch.in_idx = samples[j];
    patch.batch_idx = inputs[j];
    most = inputs[j] > most ? inputs[j] : most;
    sample.inputs.push_back(patch);
  }
  std::vector<Rectangles> one{sample};
  auto shapes = dali::uniform_list_shape<3>(batch, dali::TensorShape<3>{shape_of_input_0[0], shape_of_input_0[1], 1});
  std::vector<dali::TensorListShape<3>> every(most + 1, shapes);
  std::vector<paste::SampleDescriptorGPU<uint8_t, uint8_t, 2>> planned;
  std::vector<paste::PatchDesc<uint8_t, 2>> patches;
  paste::CreateSampleDescriptors<uint8_t, uint8_t, 3>(planned, patches, dali::make_span(every), dali::make_span(one));
  for (auto &patch : patches)
    for (int y = patch.patch_start[0]; y < patch.patch_end[0]; y++)
      for (int x = patch.patch_start[1]; x < patch.patch_end[1]; x++) {
        int *pixel = out + 3 * (y * width + x);
        bool pasted = patch.in_sample_idx >= 0;
        pixel[0] = pasted ? patch.in_batch_idx : -1;
        pixel[1] = pasted ? patch.in_sample_idx : -1;
        pixel[2] = pasted ? (y - patch.patch_start[0] + patch.in_anchor[0]) * patch.in_pitch[1] + x -
                                patch.patch_start[1] + patch.in_anchor[1]
                          : -1;
      }
}
