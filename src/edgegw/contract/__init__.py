"""What goes over the broker, for machines: JSON Schemas and an AsyncAPI document, made from `edgegw.core.documents`.

python -m edgegw.contract [FOLDER]      writes them, into docs/contract unless told otherwise
"""
