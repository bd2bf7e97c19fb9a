r"""Write a trained model as a page of one file, which opens from disk and makes no request.

A page holds the model's layers as WebAssembly, its card, what turns its answers into text or drawings, and nothing else
is loaded. `page` puts it together, and `running` runs its scripts in Node, which is how a page is verified.

>>> from elman.export.pages.page import embed
>>> print(embed({"text": "</script>"}))
{"text": "<\/script>"}
"""
