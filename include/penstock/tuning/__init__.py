"""From a training set to a challenger: one straight line for each purpose, on PEFT, sentence-transformers and TRL.

``running.train`` is the whole of it. torch and what is built on it are imported inside functions, so that nothing else
of penstock needs the extra ``train``.
"""
