"""``alexbench doctor``: why is accuracy off?"""
