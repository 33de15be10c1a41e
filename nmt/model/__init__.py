"""The encoder-decoder in plain PyTorch, with the equations of the papers.

Read `seq2seq.py` first: it joins encoder, decoder, output matrix and loss. These files hold the
ideas of the papers:

- Encoder: annotations h_j of both directions (Bahdanau et al. 2014, section 3.2), reversed source
  (Sutskever et al. 2014), residual connections between layers, also called a residual stack (GNMT,
  Wu et al. 2016, eq. 6). `encoder.py`.
- First decoder state s_0: `DecoderStart` in `decoder_state.py`, called by `Decoder.start`.
- Query of attention, s_{i-1}, s_i or the state inside a conditional GRU: `Decoder._bottom_step` and
  `Decoder._recurrent_step` in `decoder.py`.
- Conditional GRU (Nematus, Sennrich et al. 2017): `Decoder._bottom_step`.
- Input feeding (Luong et al. 2015, section 3.3): `Decoder._bottom_input`.
- Residual connections, or residual stack, of the decoder (Wu et al. 2016, eq. 6):
  `Decoder._recurrent_step`.
- Scores e_ij (Luong et al. 2015, section 3.1; Bahdanau et al. 2014, appendix A.1.2): the
  subclasses of `Attention` in `attention.py`. A new score is a subclass there and a line in
  nmt/config/registry.py.
- Weights a_ij (Bahdanau et al. 2014, eq. 6): `Attention.compute_weights`. Context c_i (eq. 5):
  `Attention.forward`.
- Local attention (Luong et al. 2015, section 3.2), with the predictive alignment of local-p (eq.
  9-10): `PredictiveWindow` in `attention_weights.py`.
- Output layer: attentional vector (Luong et al. 2015, eq. 5), deep output with maxout (Bahdanau et
  al. 2014, appendix A.2.2), pointer-generator (See et al. 2017). `output.py`.
- Output probabilities (Luong et al. 2015, eq. 6): `Seq2Seq.log_probabilities`.
- Label smoothing, coverage loss, guided alignment: `loss.py`.
- Cells and deep transitions: `cells.py`. Their loop over a sequence: `recurrent.py`.
- Code for speed, batch invariance and low precision alone: `kernels/`. Export: `onnx_ops.py`.
"""
