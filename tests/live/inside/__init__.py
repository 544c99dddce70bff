"""What runs inside a release's own interpreter, down to Python 3.8 with TensorFlow 2.4.

These modules import nothing but the standard library, NumPy, TensorFlow and Keras, and keep to the
syntax of Python 3.8.
"""
